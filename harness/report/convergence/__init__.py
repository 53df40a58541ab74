"""How fast the models learn.

page      steps to targets, areas, profiles
arrivals  the runs as survival data
figures   Kaplan-Meier curves and profiles
"""
