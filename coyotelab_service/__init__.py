"""Courses, people, enrollments and the way into workspaces: CoyoteLab's service of the Hub."""
