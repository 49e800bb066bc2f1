"""What outlives a call: variables, initializers, modules, variable stores."""
