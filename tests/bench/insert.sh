#!/bin/sh
# insert.sh DIRECTORY FILE...: puts the tables that a bench left in DIRECTORY (TABLE.md) into Markdown
# files, in the place of what stands between the lines <!-- bench TABLE --> and
# <!-- end of bench TABLE -->. Run by `make bench-readme`.
set -eu

directory=$1
shift
trap 'rm -f "$file.new"' EXIT
for file; do
    awk -v directory="$directory" '
        /^<!-- end of bench / { skip = 0 }
        !skip { print }
        /^<!-- bench / {
            table = directory "/" $3 ".md"
            while ((got = (getline line <table)) > 0) print line
            if (got < 0) {
                print FILENAME ": no " table ": make bench writes it" >"/dev/stderr"
                exit 1
            }
            skip = 1
        }' "$file" >"$file.new"
    mv "$file.new" "$file"
done
