# Makes coil2000.csv.gz from the R package kernlab 0.9-32 as Debian ships it. In this directory:
#
#     apt-get download r-cran-kernlab && dpkg -x r-cran-kernlab_*.deb kernlab
#     Rscript coil2000.R kernlab/usr/lib/R/site-library/kernlab/data/ticdata.rda coil2000.csv.gz
arguments <- commandArgs(trailingOnly = TRUE)
load(arguments[1])

# Column 50 is the original's PVRAAUT, contribution lorry policies; only its name is wrong.
stopifnot(names(ticdata)[50] == "AAUT")
names(ticdata)[50] <- "PVRAAUT"

# Steps of a scale as the original's numbers: 0 to 9, and 1 to 6 for the age.
steps <- vapply(ticdata, is.ordered, TRUE)
ticdata[steps] <- lapply(ticdata[steps], function(column) as.integer(column) - 1L)
ticdata$MGEMLEEF <- as.integer(ticdata$MGEMLEEF)
ticdata$CARAVAN <- as.integer(ticdata$CARAVAN == "insurance")

to <- gzfile(arguments[2], "wb", compression = 9)
write.csv(ticdata, to, row.names = FALSE, quote = c(1, 5))
close(to)
