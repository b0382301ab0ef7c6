# The grid of mclust beside emkit: Rscript mclust_grid.R DATA.csv LARGEST; prints seconds and BIC, structure by number.
options(digits = 15)
suppressMessages(library(mclust))
arguments <- commandArgs(trailingOnly = TRUE)
X <- as.matrix(read.csv(arguments[1], header = FALSE))
largest <- as.integer(arguments[2])
codes <- if (length(arguments) > 2) strsplit(arguments[3], ",")[[1]] else NULL
began <- proc.time()
table <- mclustBIC(X, G = 1:largest, modelNames = codes, verbose = FALSE)
spent <- proc.time() - began
cat("version", as.character(packageVersion("mclust")), "\n")
cat("seconds", spent["elapsed"], spent["user.self"] + spent["sys.self"], "\n")
for (model in colnames(table)) cat("bic", model, table[, model], "\n")
