"""Tools for language-model agents, over the Model Context Protocol: what `strata mcp` serves."""
