"""One folder a question: what is measured, how it is drawn, how it is told."""
