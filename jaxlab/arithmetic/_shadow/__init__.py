"""The error microscope: which operation made the error of a result?"""

from jaxlab.arithmetic._shadow._findings import Finding as Finding
from jaxlab.arithmetic._shadow._records import Counts as Counts
from jaxlab.arithmetic._shadow._row import Row as Row
from jaxlab.arithmetic._shadow._run import Blame as Blame
from jaxlab.arithmetic._shadow._trace import Trace as Trace
from jaxlab.arithmetic._shadow._transform import shadow as shadow
