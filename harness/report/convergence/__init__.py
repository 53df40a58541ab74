"""How fast the models learn.

page      steps to targets, areas, profiles
arrivals  the runs as survival data
frames    Kaplan-Meier curves and profiles, for charts
"""
