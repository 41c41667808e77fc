"""From prompts to clips: plan what is needed, decode it, and capture while decoding."""
