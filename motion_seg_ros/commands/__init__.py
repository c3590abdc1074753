"""The commands of motion-seg, a module a group; each imports what it needs when it runs."""
