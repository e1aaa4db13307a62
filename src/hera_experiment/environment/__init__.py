"""What an experiment needs: to be submitted, and to be executed."""
