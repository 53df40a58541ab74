"""A card for each model.

page    what it is, whether it lives, where it wins and loses, what it costs
frames  where it stands among the others
"""
