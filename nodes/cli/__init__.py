"""The adapter that runs our graphs without ComfyUI, or submits them to one."""
