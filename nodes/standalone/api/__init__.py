"""The part of `comfy_api.latest` that the nodes use, as strict as ComfyUI 0.3.64."""
