"""One module for each library, all with the same four names.

NAME        what it is called, with its version
gradients   (case, a, b) -> step: a function that gives dy/da and dy/db of the case
training    (data) -> (step, weights): one Adam step on the next batch, giving the loss; the weights as arrays
wait        (result) -> None: until the result of a step is there
"""
