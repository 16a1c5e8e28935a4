"""Files with which a new project begins. A new template is a folder here, with a line of what it is in `TEMPLATES`."""

from search.templates.template import Template

TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        Template("images", "a network of timm's that classifies images in folders; no code"),
        Template("text", "a Hugging Face model that classifies texts of a CSV file; no code"),
        Template("own", "networks and data of one's own: a task to change, which runs as it is"),
    )
}

__all__ = ["TEMPLATES", "Template"]
