# Numbers in tests/oracles/test_censored.py: R 4.2.2, survival 3.5-3, AER 1.2-10.
suppressMessages({library(survival); library(AER)})
options(digits = 14)
show <- function(f) { print(coef(f)); print(f$scale); print(f$loglik[2]); print(sqrt(diag(vcov(f)))) }
show(survreg(Surv(durable, durable > 0, type = "left") ~ age + quant, data = tobin, dist = "gaussian"))
data(Affairs)
f <- affairs ~ age + yearsmarried + religiousness + occupation + rating
show(tobit(f, data = Affairs))
show(tobit(f, right = 4, data = Affairs))
show(survreg(Surv(time, status) ~ age + sex, data = lung, dist = "lognormal"))
d <- read.csv("cosmesis.csv")
d$high[is.na(d$high)] <- Inf
s <- survfit(Surv(low, high, type = "interval2") ~ 1, data = d)
print(data.frame(time = s$time, surv = s$surv))
