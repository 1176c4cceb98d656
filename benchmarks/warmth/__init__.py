"""Is a kernel from a warm parent what an ordinary one is, whatever it imports?"""
