"""What a swap leaves in a model beside the activations: modules and classes that are part of it from then on."""
