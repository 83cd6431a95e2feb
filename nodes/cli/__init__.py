"""Commands that run LatentSteer's graphs without ComfyUI, or submit them to one."""
