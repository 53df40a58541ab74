"""Pages become files.

sheet     a page: text, pictures, files
tables    tables as text
words     how numbers and times are written
settings  what runs trained with
markdown  pages, read: the parser, and their tables as CSV and LaTeX
html      all pages as one file; page.css and page.js are its style and script
formats   pages -> Markdown, one HTML file, CSV, LaTeX
unchanged what a report was made of and became, so that the same is not made again
origin    where numbers come from: command, machine, commit, records
"""
