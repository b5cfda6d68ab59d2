import java.sql.*;
import java.util.*;

/** JDBC with server-side prepared statements from the first execution on. The last line is the driver's version. */
public class Jdbc {
    static final Map<String, String> env = System.getenv();
    static final List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());

    static Connection open() throws SQLException {
        String place = env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE");
        return DriverManager.getConnection("jdbc:postgresql://" + place + "?prepareThreshold=1", env.get("PGUSER"), env.get("PGPASSWORD"));
    }

    static void equal(Object left, Object right) {
        if (!left.equals(right)) throw new AssertionError(left + " is not " + right);
    }

    static void work(int n) throws SQLException {
        String who = "jdbc " + n;
        try (Connection connection = open()) {
            connection.setAutoCommit(false);
            for (int i = 0; i < 20; i++) {
                try (PreparedStatement insert = connection.prepareStatement("INSERT INTO driver_rows VALUES (?, ?, ?)")) {
                    insert.setString(1, who);
                    insert.setInt(2, i);
                    insert.setString(3, "é€");
                    insert.addBatch();
                    insert.addBatch();
                    equal(insert.executeBatch().length, 2);
                }
                if (i % 4 == 3) connection.rollback();
                else connection.commit();
                try (Statement statement = connection.createStatement()) {
                    statement.executeQuery("SELECT 1/0");
                } catch (SQLException error) {
                    equal(error.getSQLState(), "22012");
                    connection.rollback();
                }
            }
            try (Statement statement = connection.createStatement()) {
                statement.setFetchSize(100);
                ResultSet rows = statement.executeQuery("SELECT generate_series(1, 1000)");
                int seen = 0;
                while (rows.next()) seen++;
                equal(seen, 1000);
            }
            connection.commit();
            connection.setAutoCommit(true);
            connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            try (PreparedStatement count = connection.prepareStatement("SELECT count(*) FROM driver_rows WHERE who = ?")) {
                count.setString(1, who);
                ResultSet rows = count.executeQuery();
                rows.next();
                equal(rows.getInt(1), 30);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (int i = 1; i <= 4; i++) {
            int n = i;
            threads.add(new Thread(() -> {
                try {
                    work(n);
                } catch (Throwable failure) {
                    failures.add(failure);
                }
            }));
        }
        for (Thread thread : threads) thread.start();
        for (Thread thread : threads) thread.join();
        for (Throwable failure : failures) failure.printStackTrace();
        if (!failures.isEmpty()) System.exit(1);
        try (Connection connection = open()) {
            System.out.println(connection.getMetaData().getDriverVersion());
        }
    }
}
