"""Grade a class on a Dask cluster.

A worker needs an environment in which the course runs, and nothing else: the course, its data sets and the submissions
are sent. Before the first submission each worker is asked what it has, and one that cannot grade as the others do is
named and left out; so is one that joins later. Each submission is graded in a process of its own, as many at a time as
a worker has cores and memory for. What is lost with a worker is graded by another one, and what no worker can do is an
infrastructure error, which the next run tries again.
"""
