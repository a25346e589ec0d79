"""What a person looks at: the claims table, the figures, and one self-contained HTML page."""

from jaxlab.report._publish import Published as Published
from jaxlab.report._publish import command as command
from jaxlab.report._publish import publish as publish
from jaxlab.report._publish import render as render
from jaxlab.report._publish import write as write
from jaxlab.report._publish import write_claims as write_claims
from jaxlab.report._table import format_claims as format_claims
