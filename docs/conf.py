"""How Sphinx builds the site: `make docs`."""

project = "Strata"
author = "The Strata authors"
project_copyright = "The Strata authors"

extensions = ["myst_parser"]
# `## Heading` can be linked to as `#heading`, as on forges.
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["_build", "reference/README.md"]
# The README is the project's front page, and stays outside the site: links to files of the
# repository are downloads here.
html_theme = "furo"
html_title = "Strata"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
# No page asks another server for anything.
html_copy_source = False
