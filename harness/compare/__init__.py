"""Which runs are compared, and what may be said of them.

order      the models in the order of every table, their colours, and titles
material   the records of one protocol version, and the order of models
way        how far a metric is from chance to a perfect score
selection  the runs that all models share
pairwise   the models of one task against each other
remarks    what a reader must know beside the numbers
two        `bench compare`: two models, or two folders of records
"""
