"""Which runs are compared, and what may be said of them.

order      models in the order of models/__init__, their places in it, and titles; draw/curves has a place's colour
material   the records of one protocol version, and the order of models
way        how far a metric is from chance to a perfect score
selection  the runs that all models share
pairwise   the models of one task against each other
remarks    what a reader must know beside the numbers
alive      which models have shown that they learn, and the mark of all others
two        `bench compare`: two models, or two folders of records
"""
