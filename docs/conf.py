"""Sphinx's configuration: `make docs` builds docs/ into build/docs and fails on a broken link."""

project = "CoyoteLab"
copyright = "the CoyoteLab team"
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "CoyoteLab"
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#8e3c0b", "color-brand-content": "#a8480f"},
    "dark_css_variables": {"color-brand-primary": "#f0a06e", "color-brand-content": "#f0a06e"},
}
exclude_patterns = ["examples"]
