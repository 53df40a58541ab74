"""Every model's equal chance: the same points of one space, two seeds each, and what is chosen by validation alone.

space    the points: learning rates, starts and options
trials   the cells of the points, and what came of them
choices  what was chosen: to and from JSON
choice   the point of each model on each task, and the one for all its tasks
tracks   at which point a cell trains
"""
