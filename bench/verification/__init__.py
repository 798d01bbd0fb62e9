"""How fast verification is, beside what else could answer the question on the same machine in the same minutes.

``mix`` makes the requests, ``servers`` starts what answers them, ``contenders`` lists who takes part, ``rate`` and
``open_loop`` measure, ``answers`` checks what is answered meanwhile, ``report`` reads the numbers.
"""
