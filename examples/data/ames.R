# Makes ames.csv from the R package modeldata 1.1.0 as Debian ships it. In this directory:
#
#     apt-get download r-cran-modeldata && dpkg -x r-cran-modeldata_*.deb modeldata
#     Rscript ames.R modeldata/usr/lib/R/site-library/modeldata/data/Rdata ames.csv
#
# The data are read from the package's files, so that its R dependencies need not be installed.
arguments <- commandArgs(trailingOnly = TRUE)
package <- new.env()
invisible(lazyLoad(arguments[1], envir = package, filter = function(name) name == "ames"))
ames <- as.data.frame(package$ames)

# Overall_Cond is a scale of ten steps, from Very_Poor to Very_Excellent: 1 to 10.
ames$Overall_Cond <- as.integer(ames$Overall_Cond)

columns <- c(
  "Sale_Price", "Sale_Condition", "Gr_Liv_Area", "First_Flr_SF", "Second_Flr_SF",
  "Total_Bsmt_SF", "Bsmt_Unf_SF", "Garage_Area", "Garage_Cars", "Lot_Area", "Lot_Frontage",
  "Mas_Vnr_Area", "Wood_Deck_SF", "Open_Porch_SF", "Screen_Porch", "Year_Built",
  "Year_Remod_Add", "Overall_Cond", "Bsmt_Full_Bath", "Full_Bath", "Half_Bath",
  "Bedroom_AbvGr", "Kitchen_AbvGr", "TotRms_AbvGrd", "Fireplaces", "Year_Sold",
  "Central_Air", "Bldg_Type", "Foundation", "Neighborhood")
write.csv(ames[, columns], arguments[2], row.names = FALSE, quote = FALSE)
