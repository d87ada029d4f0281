# What `from helpers import …` offers; __init__.py loads each name from here when it is first used.
# get
from .heads import Head as Head
from .inputs import label_tokens as label_tokens
from .inputs import sample_repeated_tokens as sample_repeated_tokens
from .inputs import sample_text as sample_text
from .models import Model as Model
from .models import ModelError as ModelError
from .models import Site as Site
from .models import load_model as load_model

# run
from .running import activations as activations
from .running import get_attention as get_attention
from .running import log_probs as log_probs
from .running import predict_next as predict_next

# intervene
from .interventions import ablate as ablate
from .interventions import patch as patch
from .interventions import patch_path as patch_path

# read weights
from .weights import two_head_circuit as two_head_circuit
from .weights import write_tokens as write_tokens

# choose
from .chapters.scan import select_heads as select_heads
from .results import find_pair as find_pair
from .results import rank_heads as rank_heads

# look
from . import theme as theme
from .drawing import save_figure as save_figure
from .viewers import load_viewers as load_viewers
from .viewers import view_attention as view_attention
from .viewers import view_heads as view_heads
from .viewers import view_tokens as view_tokens
from .play import view_live as view_live

# keep
from .results import keep as keep
from .results import summarize as summarize

# learn
from .exercises import check as check

# does it hold
from . import claims as claims

# the chapters, one for each question, each with its own measures, plots and sentences
from .chapters import attention as attention
from .chapters import circuit as circuit
from .chapters import loss as loss
from .chapters import mlps as mlps
from .chapters import paths as paths
from .chapters import removal as removal
from .chapters import scan as scan
from .chapters import text as text
