"""Models of other papers for texts.

words        what those share that look back at words: a window of states, each with a word
pointer      an LSTM that also points to a word that it has read
cache        an LSTM that in evaluation also says again what followed states like its own
variational  two layers of LSTM of which entries are dropped for a sequence, and others stay for a step
"""
