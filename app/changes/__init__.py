"""What happened since: the version of each user, and the changes that it counts. The tasks do not know this room."""
