"""HuMoCon: discrete concepts of motion, trained with torch and run without it."""
