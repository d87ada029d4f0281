"""How fast the walkthrough's work is, beside the post's way, on the machine it runs on."""
