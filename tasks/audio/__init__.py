"""What tasks on sound share.

task        a task on recordings, raw or as MFCC
recordings  files become arrays, once
sound       reading and features
augment     training clips changed at random
"""
