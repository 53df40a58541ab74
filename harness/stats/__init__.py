"""Statistics: pure functions of arrays. They need numpy and scipy alone.

over_seeds   one model over its seeds, and two models: intervals, the exact permutation test, shifts
shares       runs that learned or did not: Wilson, Newcombe, Boschloo
contrasts    two models on one task, as declared: Brunner-Munzel, log-rank, shares beside one half; false discoveries
across       all pairs of models over tasks and seeds: max-T
ranks        mean ranks over tasks: Friedman, Wilcoxon, sets that cannot be told apart
survival     steps to a target: Kaplan-Meier, restricted means, profiles
aggregates   scores of many tasks: interquartile mean, profiles, probability of improvement
equivalence  two one-sided tests, paired or not; Bayesian signed-rank with a region of practical equivalence
search       what a search of k points comes to: the best of k, and how wide good rates lie
power        what a plan can find
ratios       paired timings: ratios, intervals, verdicts
verdicts     the words of every verdict, exit codes, and the constants by which all are judged
"""
