"""Solution of exercise 2.1, and right answers that are written differently."""

from torch import nn

from trm_minimal.layers import PostNorm, SwiGLU, Transposed, rms_norm


def mlp_mixer(dim, length, multiple=256):
    mix = Transposed(PostNorm(SwiGLU(length, multiple=multiple)))
    think = PostNorm(SwiGLU(dim, multiple=multiple))
    return nn.Sequential(mix, think)


def own_class(dim, length, multiple=256):
    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.think = SwiGLU(dim, 4, multiple)
            self.mix = SwiGLU(length, 4, multiple)

        def forward(self, h_BLD):
            h_BDL = h_BLD.permute(0, 2, 1)
            h_BDL = rms_norm(self.mix(h_BDL) + h_BDL)
            h_BLD = h_BDL.permute(0, 2, 1)
            return rms_norm(self.think(h_BLD) + h_BLD)

    return Mixer()


def own_norm(dim, length, multiple=256):
    class Half(nn.Module):
        def __init__(self, width, axis):
            super().__init__()
            self.part, self.axis = SwiGLU(width, multiple=multiple), axis

        def forward(self, h_BLD):
            new = self.part(h_BLD.transpose(self.axis, 2)).transpose(self.axis, 2) + h_BLD
            return new / (new.square().mean(self.axis, keepdim=True) + 1e-5) ** 0.5

    return nn.Sequential(Half(length, 1), Half(dim, 2))


VARIANTS = (own_class, own_norm)
