"""The fusion network and its inputs; nothing here knows how the network is fitted."""
