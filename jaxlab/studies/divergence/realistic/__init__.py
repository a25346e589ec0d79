"""Three realistic scenarios trained by Adam: a heat equation, a basket of options, and digits."""
