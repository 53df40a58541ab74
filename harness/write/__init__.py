"""Pages become files.

sheet   a page: text, pictures, files
tables  tables as text
words   how numbers and times are written
"""
