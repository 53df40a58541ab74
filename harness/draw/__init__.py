"""Charts: a tidy frame in, an Altair chart out; both static and live.

look      the colour, dashes and shape of a model's place; the style of every chart
picture   a chart that is drawn when it is looked at, and kept
chart     axes, the key, lines in panels
curves    learning curves and growth, also in a sentence
ranks     the critical-difference diagram
profiles  performance profiles
dots      rows of dots
pairs     every model against every other
tradeoffs accuracy against cost
scales    what a model's scales do
heat      all models on all tasks
terminal  lines of text, for a terminal
"""
