"""The oracle: scores by the hidden truth of a demo shop, the best that any model could reach.

`truth_files` knows the files, `utility` the inner product of users and phones, `expected_opens` the expected
opens of one session, and `scores` puts them together. The simulation (`handpick.demo`) samples from the same
utility and click model, so that the two cannot drift apart; nothing here imports it.
"""
