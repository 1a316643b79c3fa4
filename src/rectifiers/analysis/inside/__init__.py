"""Looking inside trained networks, as the papers do: parameters, filters, maps, invariance, and pairs of networks."""
