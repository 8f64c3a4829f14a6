"""Learning from a teacher: ingredients of `paredown.Train`."""

from paredown.distill.ab import AB
from paredown.distill.at import AT
from paredown.distill.cc import CC
from paredown.distill.cosine import Cosine
from paredown.distill.crd import CRD
from paredown.distill.cwd import CWD
from paredown.distill.dist import DIST
from paredown.distill.dkd import DKD
from paredown.distill.feature_loss import FeatureLoss, LearnedFeatureLoss
from paredown.distill.features import Features
from paredown.distill.fitnets import FitNets
from paredown.distill.generated import Generated
from paredown.distill.logits import Logits
from paredown.distill.mgd import MGD
from paredown.distill.minilm import MiniLM
from paredown.distill.mlkd import MLKD
from paredown.distill.mutual import Mutual
from paredown.distill.nst import NST
from paredown.distill.ofd import OFD
from paredown.distill.original import Assistant, Cached, Ensemble, Original, Teacher
from paredown.distill.output_loss import OutputLoss
from paredown.distill.outputs import Outputs
from paredown.distill.pkt import PKT
from paredown.distill.review import ReviewKD
from paredown.distill.rkd import RKD
from paredown.distill.sp import SP
from paredown.distill.squares import Squares
from paredown.distill.tinybert import TinyBERT
from paredown.distill.unlabelled import Unlabelled
from paredown.distill.vid import VID
from paredown.distill.wsld import WSLD

__all__ = [
    "AB",
    "AT",
    "CC",
    "CRD",
    "CWD",
    "DIST",
    "DKD",
    "MGD",
    "MLKD",
    "NST",
    "OFD",
    "PKT",
    "RKD",
    "SP",
    "VID",
    "WSLD",
    "Assistant",
    "Cached",
    "Cosine",
    "Ensemble",
    "FeatureLoss",
    "Features",
    "FitNets",
    "Generated",
    "LearnedFeatureLoss",
    "Logits",
    "MiniLM",
    "Mutual",
    "Original",
    "OutputLoss",
    "Outputs",
    "ReviewKD",
    "Squares",
    "Teacher",
    "TinyBERT",
    "Unlabelled",
]
