import numpy as np

from samples import case, real

A, B, S, T = real(2, 3, seed=1), real(3, 4, seed=2), real(3, 3, seed=3), real(4, 3, 3, seed=4)
Z = real(2, 3, seed=5) + 1j * real(2, 3, seed=6)


def says(equation, *args, order=2):
    return case(*args, equation=equation, order=order)


SAMPLES = {
    "einsum": [
        says("ij,jk->ik", A, B), says("ij,jk->ki", A, B), says("ji,jk->ik", A, real(2, 4)),
        says("i,i->", real(3), real(3, seed=1)),
        says("i,j->ij", real(2), real(3)), says("bij,bjk->bik", T, real(4, 3, 2)),
        says("bi,bi->b", A, real(2, 3, seed=9)),
        says("ij->ji", A), says("ij->", A), says("ij->j", A), says("ii->", S), says("ii->i", S),
        says("bii->b", T),
        says("ijj->i", T), says("i->ii", real(3)), says("ij->ijij", A), says("ij,k->k", A, real(4)),
        says("iij,i->j", real(2, 2, 3), real(2)),
        says("ij,jk,kl->il", A, B, real(4, 2)), says("i,i,i->i", *[real(3, seed=n) for n in range(3)]),
        says("ab,cd,ef->fcb", A, B, S),
        says("0ij,0jk->0ik", T, real(1, 3, 2)), says("0ij,jk->0ik", T, B),
        says("01i,1i->01", real(2, 1, 3), real(5, 3)),
        says("01ij,1jk->0i1k", real(2, 1, 3, 3), T), says("ij,jk->ik", Z, real(3, 2) + 1j),
        says("ijk,ikl,jlm->im", *[real(2, 2, 2, seed=n) for n in range(3)]),
        says("ij,jk->ik", real(0, 3), B), says("ij,jk->ik", real(2, 0), real(0, 4)),
        says("abcd,dcef->abef", *[real(2, 2, 2, 2, seed=n) for n in range(2)]),
        says("->", np.float64(2.0)), says(",i->i", np.float64(2.0), real(3)),
        says("ij,jk->ik", np.arange(6).reshape(2, 3), np.arange(3)[:, None]),
        says("ij,jk->ik", A.astype("float16"), B.astype("float16")),
    ],
}  # fmt: skip
