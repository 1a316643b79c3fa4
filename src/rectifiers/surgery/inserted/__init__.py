"""Modules and classes that a swap puts into a model beside the activations; they are part of it from then on."""
