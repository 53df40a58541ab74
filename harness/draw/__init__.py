"""Charts.

curves  learning curves and growth; the colour and dashes of a model's place
panels  small multiples, drawn by sketch
sketch  SVG, written directly
ranks   the critical-difference diagram
terminal  lines of text, for a terminal
"""
