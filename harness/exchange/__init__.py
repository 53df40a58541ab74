"""What other programs read: records, and the data of tasks, in the forms that they know.

columns    records flat, one row a run: what each column is, and CSV, JSON and Parquet of them
every_eval_ever  a run in the schema of Every Eval Ever
croissant  the data of a generated task as Parquet, with Croissant's metadata
references BibTeX of the sources that a report uses, from references.bib
"""
