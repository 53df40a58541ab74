"""Which runs are compared, and what may be said of them.

order      models in the order of models/__init__, their places in it, and titles; draw/look has a place's colour
material   the records of one protocol version, and the order of models
way        how far a metric is from chance to a perfect score
selection  the runs that all models share
pairwise   the models of one task against each other
parted     seeds of which some learned and others did not
remarks    what a reader must know beside the numbers
sides      the records of the two that `bench compare` is given
claims     what the records say of the claims that were declared before them
contrasts  how one contrast of a claim ends
follow_up  what would settle what cannot be told
alive      which models have shown that they learn, and the mark of all others
two        `bench compare`: two models, or two folders of records
"""
