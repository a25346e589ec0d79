"""How a model moves: precision policies, updates, trajectories, ensembles of initialisations."""

from jaxlab.training import metrics as metrics
from jaxlab.training import optimisers as optimisers
from jaxlab.training import precision as precision
from jaxlab.training import scaling as scaling
from jaxlab.training import updates as updates
from jaxlab.training._ensemble import ensemble as ensemble
from jaxlab.training._trajectory import History as History
from jaxlab.training._trajectory import log_checkpoints as log_checkpoints
from jaxlab.training._trajectory import train as train
from jaxlab.training.losses import mean_absolute_error as mean_absolute_error
from jaxlab.training.losses import mean_squared_error as mean_squared_error
from jaxlab.training.metrics import Snapshot as Snapshot
from jaxlab.training.optimisers import low_precision as low_precision
from jaxlab.training.precision import Policy as Policy
from jaxlab.training.scaling import dynamic_scaling as dynamic_scaling
from jaxlab.training.scaling import static_scaling as static_scaling
from jaxlab.training.updates import Update as Update
from jaxlab.training.updates import from_optax as from_optax
from jaxlab.training.updates import gradient_descent as gradient_descent
from jaxlab.training.updates import perturbed_gradient_descent as perturbed_gradient_descent
