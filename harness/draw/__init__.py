"""Charts.

curves  learning curves and growth
panels  small multiples, drawn by sketch
sketch  SVG, written directly
ranks   the critical-difference diagram
"""
