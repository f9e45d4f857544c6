"""Why the edges that several questions share matter, in the words that learners read."""

ONE_INPUT = (
    "a prediction for one image, or the rest of a data set, is a batch of one; np.squeeze, for example, would remove "
    "its first axis"
)
PIXELS = "images are stored as uint8, where 3 - 5 is 254 and 200 + 100 is 44: convert to floating point first"
EXTREME_SCORES = (
    "when training diverges, a score can fall so far behind that its probability is 0 and the logarithm of it "
    "infinite; the shifted score minus the log of the sum is the same logarithm without this limit"
)
UNEVEN_WINDOWS = (
    "the last rows or columns are often too few for one more window; the formula for the output size rounds down, and "
    "they are left out"
)
MANY_DRAWS = (
    "a batch can be larger than the data set, as in a first try on five inputs; only drawing with replacement, as "
    "np.random.choice(N, batch_size) does, allows it"
)
